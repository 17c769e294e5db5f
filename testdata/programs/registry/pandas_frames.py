"""pandas: frames of every kind of column, indexes, groups, windows and views, as at the end of some analysis."""
import io

import truth

import numpy
import pandas

keep = {}
rows = 500
numbers = numpy.random.RandomState(1).standard_normal(rows)
frame = pandas.DataFrame({
    "float": numbers, "int": numpy.arange(rows), "bool": numbers > 0, "text": ["text %d" % (i % 30) for i in range(rows)],
    "object": [[i] if i % 3 else None for i in range(rows)], "time": pandas.date_range("2024-01-01", periods=rows, freq="D"),
    "zoned": pandas.date_range("2024-01-01", periods=rows, freq="D", tz="UTC"), "category": pandas.Categorical(["a", "b"] * (rows // 2)),
    "delta": pandas.to_timedelta(numpy.arange(rows), unit="s"), "nullable": pandas.array([1, None] * (rows // 2), dtype="Int64")})
keep["frame"] = frame
keep["by time"] = frame.set_index("time")
keep["by two"] = frame.set_index(["text", "int"]).sort_index()
keep["groups"] = frame.groupby("text")
keep["sums"] = keep["groups"][["float", "int"]].agg(["sum", "mean", "max"])
keep["pivot"] = frame.pivot_table(index="text", columns="category", values="float", aggfunc="mean", observed=False)
keep["merged"] = frame.merge(keep["sums"]["float"], left_on="text", right_index=True, suffixes=("", " of group"))
keep["resampled"] = keep["by time"]["float"].resample("7D").mean()
keep["rolling"] = frame["float"].rolling(10).mean(), frame["float"].ewm(alpha=0.5)
keep["views"] = frame["float"][10:20], frame.iloc[5:9], frame.loc[frame["bool"], ["int", "text"]], frame["text"].str.upper()
keep["indexes"] = [pandas.RangeIndex(5), pandas.Index(["a", None]), pandas.interval_range(0, 5), pandas.period_range("2024-01", periods=5, freq="M"),
                   pandas.MultiIndex.from_product([[1, 2], ["x", "y"]]), frame.index]
keep["scalars"] = [pandas.Timestamp("2024-01-01", tz="UTC"), pandas.Timedelta(5, unit="s"), pandas.Period("2024-01"), pandas.Interval(0, 1),
                   pandas.NaT, pandas.NA, pandas.offsets.BDay(3)]
keep["read"] = pandas.read_csv(io.StringIO(frame[["float", "text", "time"]].to_csv()), parse_dates=["time"])
keep["iterating"] = frame.iterrows(), frame.itertuples(), iter(keep["groups"])
for each in keep["iterating"]:
    next(each)
keep["looked up"] = [keep["by two"].index.get_loc(("text 3", 3)), keep["by time"].index.get_loc("2024-02-01"), frame["text"].is_unique]
try:
    frame["no such column"]
except KeyError as error:
    keep["error"] = error
assert len(keep["merged"]) == rows

truth.hold()
