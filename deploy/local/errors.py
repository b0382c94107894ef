class DeployError(Exception):
    """One line for the user: the problem and, where there is one, the remedy."""
