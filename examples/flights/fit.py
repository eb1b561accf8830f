"""Fits arrival delay by least squares."""

import landbridge as lb
import numpy as np
import pandas as pd


def features(table):
    """One column for each term: departure delay and weather as they are, the hour as a point on a circle."""
    angle = 2 * np.pi * table["hour"].to_numpy(float) / 24
    columns = {
        "intercept": np.ones(len(table)),
        "dep_delay": table["dep_delay"].to_numpy(float),
        "distance": table["distance"].to_numpy(float) / 1000,
        "hour_sin": np.sin(angle),
        "hour_cos": np.cos(angle),
        "plane_age": table["plane_age"].to_numpy(float),
        "wind_speed": table["wind_speed"].to_numpy(float),
        "precip": table["precip"].to_numpy(float),
        "visib": table["visib"].to_numpy(float),
    }
    for origin in ("JFK", "LGA"):
        columns[f"from_{origin}"] = (table["origin"] == origin).to_numpy(float)
    return columns


def fit(table):
    """Coefficients in minutes for a unit of each term, and a prediction for each flight."""
    columns = features(table)
    design = np.column_stack(list(columns.values()))
    delay = table["arr_delay"].to_numpy(float)
    estimate, _, rank, _ = np.linalg.lstsq(design, delay, rcond=None)
    predicted = design @ estimate
    left = delay - predicted
    lb.log_param("terms", len(columns))
    lb.log_metric("rank", int(rank))
    lb.log_metric("rmse", float(np.sqrt(np.mean(left**2))))
    lb.log_metric("r squared", float(1 - left.var() / delay.var()))
    return {
        "coefficients": pd.DataFrame({"term": list(columns), "estimate": estimate}),
        "predictions": pd.DataFrame({"carrier": table["carrier"], "arr_delay": delay, "predicted": predicted}),
    }
