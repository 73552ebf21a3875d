"""Updates that SageMaker would refuse, planned so that it accepts them. Pure."""
