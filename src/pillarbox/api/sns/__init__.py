"""Operations of SNS (query), one module for each family."""
