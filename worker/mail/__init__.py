"""One message to one address, by a mail server: values in, an outcome out.

``message`` builds it, ``smtp`` hands it over. Neither knows the members, the books or the campaign.
"""
