"""The training stage: a dataset in; model, snapshots, trajectory and history of one run out."""

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tensors import read_tensors, write_tensors
from dropscape.data.prepared import load_examples
from dropscape.jobs import Job
from dropscape.models.registry import with_data_dimensions
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress
from dropscape.training.checkpoint import Checkpoints
from dropscape.training.predictions import predictions
from dropscape.training.train import train as train_seeds
from dropscape.training.train import training_config


def train(job: Job) -> None:
    """Train the seeds of one run; write models, ``snapshots``, ``trajectory``, ``history`` and ``predictions``.

    ``trained`` is the model before the steps of the trajectory, whose outputs the predictions are, ``model``
    that at their end; without a trajectory they are the same. ``trajectory`` also has ``objectives``, what each of its
    steps descended.

    The input ``start``, if there is one, is the model of another run of the same seeds, at whose end point this one
    starts.
    """
    settings = job.settings
    start = [job.inputs["start"]] if job.inputs.get("start") else []
    device = chosen_device(settings["device"])
    examples = load_examples(job.inputs["data"], settings["data"], device)
    config = training_config({**settings, "model": with_data_dimensions(settings["model"], examples.description)})
    checkpoints = Checkpoints(job, examples.description, device, start)
    trained = train_seeds(
        config,
        examples.train_inputs,
        examples.train_targets,
        examples.test_inputs,
        examples.test_targets,
        start=read_tensors(start[0])[0] if start else None,
        device=device,
        checkpoint=checkpoints.named("training"),
        progress=Progress(f"training {job.name}", config.steps),
    )
    record = job.provenance(examples.description, device)
    write_tensors(job.outputs["model"], trained.parameters, record)
    write_tensors(job.outputs["snapshots"], trained.snapshots, record | {"steps": list(config.recorded)})
    write_tensors(job.outputs["trained"], trained.trained, record)
    trajectory = {}
    if trained.trajectory is not None:
        trajectory = {"trajectory": trained.trajectory, "objectives": trained.objectives}
    write_tensors(job.outputs["trajectory"], trajectory, record)
    write_table(job.outputs["history"], trained.history)
    write_table(job.outputs["predictions"], predictions(settings, trained.trained, examples))
