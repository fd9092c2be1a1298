"""The estimators, which follow the conventions of scikit-learn."""
