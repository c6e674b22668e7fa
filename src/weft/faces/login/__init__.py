"""Login: the documents and the token endpoint of `login.microsoftonline.com`, for the local issuer."""
