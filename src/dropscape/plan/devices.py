"""Which jobs compute where ``device`` says; without torch, since every job asks while the workflow is parsed."""

from collections.abc import Mapping

from dropscape.config.of_run import training_settings
from dropscape.config.settings import Settings

# The rules that do; the others compute on the processor.
ON_DEVICE = (
    "training",
    "sampling",
    "sampling_ratio",
    "noise_alignment",
    "equations",
    "equations_weak_errors",
    "equations_noises",
    "subnetworks_cnn",
)


def gpus_of(rule: str, settings: Settings, wildcards: Mapping[str, str]) -> int:
    """How many GPUs the job of a rule with these wildcards asks for.

    ``auto`` asks for one too, since whether there is one shows only where the job runs. A training whose steps are
    compiled for the processor asks for none.
    """
    device = settings.user.device
    if rule == "training":
        experiment = settings.experiment(wildcards["experiment"])
        device = training_settings(experiment, wildcards["run"], device)["device"]
    return int(rule in ON_DEVICE and device != "cpu")
