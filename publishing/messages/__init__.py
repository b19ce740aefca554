"""Messages by e-mail, in Teams and Slack, and as webhooks: one outbox, at least once, in order for each who is told."""
