"""What a broker filled by an older release goes through under the present one."""
