"""What comes back by mail, read: reports of delivery, complaints, automatic replies."""
