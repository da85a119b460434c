"""What the end-to-end tests stand on: private MTAs, real milters, a raw SMTP client, a comparison."""
