"""Small models under hard budgets: data, training, shrinking, evaluation, measuring."""
