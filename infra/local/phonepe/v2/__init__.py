"""Standard Checkout: an access token instead of a signature, and webhooks instead of a callback address per request."""
