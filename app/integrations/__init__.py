"""The only doors to what the service calls: Stripe, file storage, the PDF compiler."""
