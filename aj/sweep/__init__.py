"""Experiments on several machines: jobs are rendered for engines that there are, results travel as experiment refs and S3 objects."""
