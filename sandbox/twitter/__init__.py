"""Twitter API v1.1 as a business account's app sees it, with the few v2 calls that go with it."""
