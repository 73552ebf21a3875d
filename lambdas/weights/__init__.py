"""The stager: copies a pinned snapshot from the Hub into the account's own bucket, and proves every byte.

Pure, no input or output and no AWS import:

    snapshot       what is staged, its files, and where they lie in the bucket
    attempt        one run of the stager for a snapshot, and the documents that are its own
    request        what is asked for, and which of the Hub's files it means
    parts          a file in byte ranges
    digests        sha256 and git blob id while bytes go by
    manifest       the document that makes a snapshot usable
    hub_answers    what an answer of the Hub means: a fault with what to do, or facts about a file
    patience       how long to wait for a Hub that wants fewer requests
    errors, fields the error tree; fields of JSON documents, checked

The steps, each over a `Hub` and a `SnapshotStore`: `planning`, `copying`, `proving`, `sealing`, `cleaning`.

The edges: `hub` (urllib3, with `origins` to say who may see the token), `token_source` (Secrets Manager), `store` and
`uploads` (S3), `joining` (Step Functions), `cloudformation`, `log`, `clients`; `worker` and `resource` are the
two Lambda handlers. How it all works together: docs/staging.md.
"""
