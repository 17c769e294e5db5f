// The module that writes Parquet, by Apache Arrow.
#include <arrow/api.h>
#include <arrow/io/interfaces.h>
#include <parquet/arrow/writer.h>

#include <algorithm>
#include <ostream>

#include "lib/render/parquet_module.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

// Arrow's output into a stream of ours.
class Sink final : public arrow::io::OutputStream {
 public:
  explicit Sink(std::ostream& out) : out_(out) { set_mode(arrow::io::FileMode::WRITE); }
  arrow::Status Write(const void* bytes, std::int64_t count) override {
    out_.write(static_cast<const char*>(bytes), count);
    written_ += count;
    return arrow::Status::OK();
  }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }
  arrow::Result<std::int64_t> Tell() const override { return written_; }

 private:
  std::ostream& out_;
  std::int64_t written_ = 0;
  bool closed_ = false;
};

std::shared_ptr<arrow::DataType> type_of(const QueryColumn& column) {
  return column.type == "TEXT" ? arrow::utf8() : column.type == "REAL" ? arrow::float64() : arrow::int64();
}

struct Append {
  arrow::ArrayBuilder& builder;
  arrow::Status operator()(std::monostate) const { return builder.AppendNull(); }
  arrow::Status operator()(std::int64_t n) const {
    return static_cast<arrow::Int64Builder&>(builder).Append(n);
  }
  arrow::Status operator()(double n) const { return static_cast<arrow::DoubleBuilder&>(builder).Append(n); }
  arrow::Status operator()(std::string_view s) const {
    return static_cast<arrow::StringBuilder&>(builder).Append(valid_utf8(s));
  }
};

arrow::Result<std::shared_ptr<arrow::RecordBatch>> rows_of(QueryTable& table,
                                                           const std::shared_ptr<arrow::Schema>& schema,
                                                           std::uint64_t first, std::uint64_t last) {
  std::vector<std::shared_ptr<arrow::Array>> arrays;
  for (int i = 0; i < schema->num_fields(); ++i) {
    std::unique_ptr<arrow::ArrayBuilder> builder;
    ARROW_RETURN_NOT_OK(arrow::MakeBuilder(arrow::default_memory_pool(), schema->field(i)->type(), &builder));
    for (std::uint64_t row = first; row < last; ++row)
      ARROW_RETURN_NOT_OK(std::visit(Append{*builder}, table.value(row, i)));
    ARROW_RETURN_NOT_OK(builder->Finish(&arrays.emplace_back()));
  }
  return arrow::RecordBatch::Make(schema, static_cast<std::int64_t>(last - first), std::move(arrays));
}

arrow::Status write(QueryTable& table, std::ostream& out) {
  std::vector<std::shared_ptr<arrow::Field>> fields;
  for (const QueryColumn& c : table.columns())
    fields.push_back(arrow::field(std::string(c.name), type_of(c)));
  const auto schema = arrow::schema(std::move(fields));
  const auto properties = parquet::WriterProperties::Builder().compression(arrow::Compression::ZSTD)->build();
  ARROW_ASSIGN_OR_RAISE(const auto writer,
                        parquet::arrow::FileWriter::Open(*schema, arrow::default_memory_pool(),
                                                         std::make_shared<Sink>(out), properties));
  constexpr std::uint64_t kRowsAtOnce = 1 << 17;
  for (std::uint64_t first = 0, rows = table.rows(); first < rows; first += kRowsAtOnce) {
    ARROW_ASSIGN_OR_RAISE(const auto batch,
                          rows_of(table, schema, first, std::min(first + kRowsAtOnce, rows)));
    ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch));
  }
  return writer->Close();
}

}  // namespace
}  // namespace heapglass

extern "C" std::string heapglass_write_parquet(heapglass::QueryTable& table, std::ostream& out) {
  const arrow::Status status = heapglass::write(table, out);
  return status.ok() ? "" : status.ToString();
}
