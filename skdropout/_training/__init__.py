"""Training: data in batches, steps, stopping; no convention of scikit-learn's estimators."""
