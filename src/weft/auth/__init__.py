"""Who calls: tokens, their issuer and their checks."""
