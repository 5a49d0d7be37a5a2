"""OAuth 2.0: the pages on which a store's owner lets an application in, and the calls by which it
fetches its tokens."""
