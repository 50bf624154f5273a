"""The chain between another SES and what it should tell here: looked at, repaired and proved."""
