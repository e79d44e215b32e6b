"""One small script a stage; dvc.yaml says what each reads and makes."""
