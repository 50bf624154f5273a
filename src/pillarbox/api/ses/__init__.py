"""Operations of SES v1 (query), one module for each family."""
