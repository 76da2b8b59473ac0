"""The program ``smi-inr``: its commands, and how it tells faults.

Nothing heavy is imported here: ``--help`` has to come at once.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ..errors import InputError
from ..memory import is_out_of_memory
from .cohort import cohort
from .demo import demo
from .doctor import doctor
from .experiment import EPILOG, experiment
from .fetch_sample import fetch_sample
from .fit import fit
from .info import info
from .methods import methods
from .sample import sample
from .simulate import simulate

BAD_INPUT = 2
"""Exit code for input the user can mend, the same as for a mistyped option."""


class _Program(TyperGroup):
    """Tells faults of the input in one message instead of a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            fault = str(error)
        except OSError as error:
            if error.filename is None:
                raise
            fault = f"{error.filename}: {error.strerror}. Check the path, its permissions and the disk."
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            fault = "Memory: has run out. Close other programs, or give a smaller scan or mask."
        typer.secho("Error: ", fg="red", bold=True, nl=False, err=True)
        typer.echo(fault, err=True)
        raise typer.Exit(BAD_INPUT)


app = typer.Typer(
    cls=_Program,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(info)
app.command()(fit)
app.command()(cohort)
app.command()(methods)
app.command()(sample)
app.command()(simulate)
app.command()(fetch_sample)
app.command()(demo)
app.command()(doctor)
app.command(epilog=EPILOG)(experiment)


def _show_version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        typer.echo(f"smi-inr {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Continuous maps of white-matter microstructure from b-tensor diffusion MRI.

    To see it work: smi-inr demo. If it does not: smi-inr doctor

    With a scan of your own: smi-inr info dwi.nii.gz tells what its protocol can
    identify, smi-inr fit dwi.nii.gz --mask wm_mask.nii.gz --out results fits it.
    """


def main() -> None:
    """Run the program; ends the interpreter with its exit code."""
    app()
