"""Our SNS and SQS: topics, subscriptions, queues, and the posts that leave them."""
