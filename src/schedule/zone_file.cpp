// The bytes of a zone file. Source: RFC 8536, section 3.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>

#include "schedule/zone_rules.h"
#include "util/error.h"

namespace schedctl::schedule {
namespace {

using namespace std::chrono;

[[noreturn]] void fail(const std::string& what) { throw DataError(what); }

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  std::string_view take(std::size_t count) {
    if (count > rest_.size()) fail("it ends too early");
    const auto taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  // Big-endian, two's complement.
  std::int64_t take_number(std::size_t width) {
    std::uint64_t value = 0;
    const auto bytes = take(width);
    if (static_cast<signed char>(bytes[0]) < 0) value = ~std::uint64_t{0};
    for (const char byte : bytes) value = (value << 8) | static_cast<unsigned char>(byte);
    return static_cast<std::int64_t>(value);
  }

  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

struct Header {
  char version = 0;
  std::size_t ut_flags = 0, standard_flags = 0, leap_seconds = 0;
  std::size_t transitions = 0, types = 0, name_bytes = 0;

  std::size_t data_size(std::size_t time_width) const {
    return transitions * (time_width + 1) + types * 6 + name_bytes +
           leap_seconds * (time_width + 4) + standard_flags + ut_flags;
  }
};

std::size_t take_count(ByteReader& reader) {
  constexpr std::int64_t most = 100'000;
  const auto count = reader.take_number(4);
  if (count < 0 || count > most) fail("it has an impossible length");
  return static_cast<std::size_t>(count);
}

Header take_header(ByteReader& reader) {
  if (reader.rest().substr(0, 4) != "TZif") fail("it is no zone file");
  reader.take(4);
  Header header;
  header.version = reader.take(1)[0];
  if (header.version < '2') fail("it has version 1, which ends in 2037");
  reader.take(15);
  header.ut_flags = take_count(reader);
  header.standard_flags = take_count(reader);
  header.leap_seconds = take_count(reader);
  header.transitions = take_count(reader);
  header.types = take_count(reader);
  header.name_bytes = take_count(reader);
  return header;
}

std::vector<Instant> take_instants(ByteReader& reader, const Header& header) {
  std::vector<Instant> instants;
  auto previous = std::numeric_limits<std::int64_t>::min();
  for (std::size_t i = 0; i < header.transitions; ++i) {
    const auto number = reader.take_number(8);
    if (number <= previous || number >= zones_end.time_since_epoch().count())
      fail("its transitions are out of order");
    previous = number;
    // Some files begin with the big bang.
    instants.push_back(std::max(Instant(seconds(number)), zones_begin));
  }
  return instants;
}

std::vector<seconds> take_offsets(ByteReader& reader, const Header& header) {
  std::vector<seconds> offsets;
  for (std::size_t i = 0; i < header.types; ++i) {
    const seconds offset(reader.take_number(4));
    if (offset > longest_offset || offset < -longest_offset) fail("it has an impossible offset");
    reader.take(2);  // whether it is summer time, and its name: of no use here
    offsets.push_back(offset);
  }
  return offsets;
}

PosixRule read_rule(std::string_view footer) {
  const auto rule = parse_posix_rule(footer);
  for (const auto offset : {rule.standard, rule.summer})
    if (offset > longest_offset || offset < -longest_offset) fail("its rule is impossible");
  return rule;
}

std::optional<PosixRule> take_footer(ByteReader& reader) {
  auto footer = reader.rest();
  if (footer.size() < 2 || footer.front() != '\n' || footer.back() != '\n')
    fail("its last line is missing");
  footer.remove_prefix(1);
  footer.remove_suffix(1);
  if (footer.empty()) return std::nullopt;
  return read_rule(footer);
}

}  // namespace

ZoneRules parse_zone_file(std::string_view bytes) {
  ByteReader reader(bytes);
  reader.take(take_header(reader).data_size(4));  // the 32-bit data of version 1
  const Header header = take_header(reader);
  if (header.types == 0) fail("it has no offsets");
  if (header.leap_seconds != 0) fail("it counts leap seconds, which UTC and PostgreSQL do not");

  const auto instants = take_instants(reader, header);
  const auto types = reader.take(header.transitions);
  const auto offsets = take_offsets(reader, header);
  reader.take(header.name_bytes + header.standard_flags + header.ut_flags);

  ZoneRules rules;
  rules.first_offset = offsets[0];
  for (std::size_t i = 0; i < header.transitions; ++i) {
    const auto type = static_cast<unsigned char>(types[i]);
    if (type >= offsets.size()) fail("it names an offset that it does not have");
    rules.transitions.push_back({instants[i], offsets[type]});
  }
  rules.rule = take_footer(reader);
  return rules;
}

}  // namespace schedctl::schedule
