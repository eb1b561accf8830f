"""Fits arrival delay by ridge regression."""

import landbridge as lb
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

NUMBERS = ["dep_delay", "distance", "plane_age", "wind_speed", "precip", "visib"]


def on_a_circle(hours):
    """The hour of the day as a point on a circle: 23 o'clock is near 0."""
    angle = 2 * np.pi * np.asarray(hours, float) / 24
    return np.column_stack([np.sin(angle), np.cos(angle)])


def fit(table):
    """Coefficients in minutes for a unit of each term, and a prediction for each flight."""
    terms = make_column_transformer(
        (StandardScaler(), NUMBERS),
        (FunctionTransformer(on_a_circle, feature_names_out=lambda *_: ["hour_sin", "hour_cos"]), ["hour"]),
        (OneHotEncoder(drop="first", sparse_output=False), ["origin"]),
        verbose_feature_names_out=False,
    )
    model = make_pipeline(terms, Ridge(alpha=1.0, solver="cholesky"))
    delay = table["arr_delay"].to_numpy(float)
    predicted = model.fit(table, delay).predict(table)
    lb.log_param("alpha", 1.0)
    lb.log_metric("rmse", float(root_mean_squared_error(delay, predicted)))
    lb.log_metric("r squared", float(r2_score(delay, predicted)))
    coefficients = {"term": terms.get_feature_names_out(), "estimate": model[-1].coef_}
    return {
        "coefficients": pd.DataFrame(coefficients),
        "predictions": pd.DataFrame({"carrier": table["carrier"], "arr_delay": delay, "predicted": predicted}),
    }
