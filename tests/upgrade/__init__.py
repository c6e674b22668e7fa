"""Small stores that released versions wrote; every later version opens them."""
