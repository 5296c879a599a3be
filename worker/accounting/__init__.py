"""What finance keeps of an invoice: payments, titles of the treasury, interest on late payment.

Read ``settlements`` (money that comes), ``interest`` (money that comes late), then ``titles``.
"""
