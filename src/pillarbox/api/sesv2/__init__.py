"""Operations of SES v2 (rest-json), one module for each family."""
