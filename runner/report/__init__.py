"""What is read off a finished table. Nothing here needs the study, the plan or the kernels."""
