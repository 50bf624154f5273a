"""The nouns that an account owns, one file each, and the rules that belong to them."""
