from django.contrib.auth.hashers import BCryptSHA256PasswordHasher


class FewRoundsBCrypt(BCryptSHA256PasswordHasher):
    """bcrypt as in production, at the smallest cost: for tests alone."""

    rounds = 4
