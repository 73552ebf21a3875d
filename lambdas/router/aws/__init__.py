"""AWS without its SDK's weight: where a service is, whose credentials, AWS's own signing code.

    endpoints      the address of a service in a region, as botocore's rules have it
    credentials    the environment's at once; every other source of botocore's chain when it is needed
    signing        SigV4 by the AWS Common Runtime
    service        one service of AWS beside SageMaker's runtime: a signed request, a whole answer

Measured (docs/decisions/0007): botocore.auth takes 125 ms and 26 MB to import and 49 µs per signature, awscrt.auth
50 ms, 9 MB and 15 µs.
"""
