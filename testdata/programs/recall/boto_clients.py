# cause: leaks (unbounded-cache|large-object) __main__\.clients
# needs: boto3
"""A boto3 session and client for each request."""
import boto3
import leaking
import storefront

clients = {}


def leak(i):
    storefront.serve(i)
    session = boto3.session.Session(aws_access_key_id="x", aws_secret_access_key="y", region_name="eu-west-1")
    clients[i] = session.client("sqs")


leaking.run(leak, 12)
