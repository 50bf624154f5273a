"""Operations of SQS (json and query), one module for each family."""
