"""Why an environment could not be built, and the way out: near names, versions that there are, the other language."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from landbridge_gateway.environments.build import BuildFailed, hint_for
from landbridge_gateway.environments.wanted import Wanted

# What is imported under another name than it is installed by.
IMPORTED_AS = {
    "sklearn": "scikit-learn",
    "cv2": "opencv-python",
    "pil": "pillow",
    "yaml": "pyyaml",
    "bs4": "beautifulsoup4",
    "dateutil": "python-dateutil",
    "skimage": "scikit-image",
    "attr": "attrs",
    "dotenv": "python-dotenv",
    "osgeo": "gdal",
    "umap": "umap-learn",
    "serial": "pyserial",
    "zmq": "pyzmq",
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PYTHON = _words(
    "altair beautifulsoup4 bokeh catboost dask duckdb fastapi flask geopandas httpx jax joblib keras "
    "lightgbm matplotlib networkx nltk numba numpy openpyxl pandas pillow plotly polars prophet pyarrow "
    "pydantic pyyaml requests scikit-image scikit-learn scipy seaborn shap spacy sqlalchemy statsmodels "
    "sympy tensorflow torch torchvision tqdm transformers xarray xgboost"
)
_R = _words(
    "arrow bit64 brms broom caret caretEnsemble cowplot data.table DBI devtools dplyr e1071 forcats "
    "forecast gam gbm ggplot2 ggrepel glmnet haven here Hmisc jsonlite kableExtra knitr lattice lme4 "
    "lmerTest lubridate mgcv mlr3 modelr nlme nnet patchwork plotly plyr purrr randomForest ranger readr "
    "readxl recipes reshape2 rlang rmarkdown rpart rsample sf shiny stringr survival terra tibble "
    "tidymodels tidyr tidyverse vip yardstick zoo"
)
_KNOWN: Mapping[str, frozenset[str]] = {"python": _PYTHON, "r": _R}
_NAMES = {"python": "Python", "r": "R"}


def explained(told: Mapping[str, Any], wanted: Wanted, tail: Sequence[str]) -> BuildFailed:
    """``told`` is what the program in the build container left: message, package, versions, near names, missing."""
    message, package = str(told["message"]), str(told.get("package") or "")
    versions = [str(one) for one in told.get("versions") or []]
    if told.get("missing"):
        return BuildFailed(
            message, _instead(package, wanted.language, [str(one) for one in told.get("near") or []]), tail
        )
    if versions:
        there = f"There is {versions[0]}." if len(versions) == 1 else f"The newest are {', '.join(versions)}."
        return BuildFailed(message, f"{there} Ask for one of these, or leave the version out.", tail)
    if "digest" in message:
        return BuildFailed(message, "Write the file anew, if it is known why the package changed.", tail)
    hint = "Loosen a version, or leave a package out." if "together" in message else hint_for(tail)
    return BuildFailed(message, hint, tail)


def _instead(package: str, language: str, near: Sequence[str]) -> str:
    other = "r" if language == "python" else "python"
    if language == "python" and package.lower() in IMPORTED_AS:
        return f"It is imported as {package} and installed as `{IMPORTED_AS[package.lower()]}`."
    if package in _KNOWN[other] and package not in _KNOWN[language]:
        return f"{package} is a package of {_NAMES[other]}, and the task is of {_NAMES[language]}."
    close = list(near) or difflib.get_close_matches(package, _KNOWN[language], 3, 0.7)
    if close:
        return f"Did you mean {' or '.join(f'`{one}`' for one in close)}?"
    return "Look how it is spelt where it can be had."
