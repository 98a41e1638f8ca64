"""The names of the figures for a person."""

OVERALL_WORDS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "quadratic_kappa": "quadratic kappa",
    "mae": "mean absolute error",
    "kl2_auc": "KL ≥ 2 AUC",
    "kl2_accuracy": "KL ≥ 2 accuracy",
    "kl2_sensitivity": "KL ≥ 2 sensitivity",
    "kl2_specificity": "KL ≥ 2 specificity",
    "kl1_auc": "KL ≥ 1 AUC",
    "kl1_accuracy": "KL ≥ 1 accuracy",
    "kl1_sensitivity": "KL ≥ 1 sensitivity",
    "kl1_specificity": "KL ≥ 1 specificity",
    "ece": "ECE (15 bins)",
}
