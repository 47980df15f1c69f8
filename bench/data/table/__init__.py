"""A user's own table: read strictly, its columns' kinds found, split, and led to model space and back."""
