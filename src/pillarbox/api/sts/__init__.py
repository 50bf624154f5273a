"""Operations of STS (query), one module for each family."""
