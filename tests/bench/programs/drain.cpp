// How fast bare libpq drains a queue of jobs that do nothing, with a history row for each: the
// limit that schedctl is held against. Two connections: while one stores batch k, the other claims
// batch k + 1. No retries, no leases, no fencing, no failures. Tables: drain.sql.
//
// Usage: bench_drain CONNINFO [BATCH]     prints how many jobs it drained
#include <endian.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "pq.h"

namespace {

// The array keeps the planner from joining the limited scan with the whole table.
constexpr auto claim_sql = R"(
update bench.bench_job set status = 1, locked_by = $2::int, locked_at = now(), attempts = attempts + 1
 where id = any (array(
   select id from bench.bench_job
    where status = 0 and scheduled_for <= now()
      and (priority, scheduled_for, id) > ($3::int, $4::timestamptz, $5::bigint)
    order by priority, scheduled_for, id limit $1::int for update skip locked))
returning id, priority, scheduled_for, attempts, job_type, payload)";
constexpr auto delete_sql =
    "delete from bench.bench_job where id = any ($1::bigint[]) and locked_by = $2::int";
constexpr auto insert_sql = R"(
insert into bench.bench_execution
       (job_id, started_at, finished_at, duration_us, attempt, status, job_type, payload)
select id, started_at, finished_at, duration_us, attempt, 2, job_type, payload
  from unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::smallint[],
              $6::text[], $7::json[])
       as o (id, started_at, finished_at, duration_us, attempt, job_type, payload))";

enum Column { id, priority, scheduled_for, attempts, job_type, payload };
enum Oid { bigint_oid = 20, smallint_oid = 21, text_oid = 25, json_oid = 114, instant_oid = 1184 };

std::string bytes(std::int32_t value) {
  const auto wire = htobe32(static_cast<std::uint32_t>(value));
  return {reinterpret_cast<const char*>(&wire), sizeof wire};
}

std::string bytes(std::int64_t value) {
  const auto wire = htobe64(static_cast<std::uint64_t>(value));
  return {reinterpret_cast<const char*>(&wire), sizeof wire};
}

std::int32_t read_int(const char* wire) {
  std::uint32_t value = 0;
  std::memcpy(&value, wire, sizeof value);
  return static_cast<std::int32_t>(be32toh(value));
}

std::int64_t read_bigint(const char* wire) {
  std::uint64_t value = 0;
  std::memcpy(&value, wire, sizeof value);
  return static_cast<std::int64_t>(be64toh(value));
}

// Microseconds since 2000-01-01 UTC, as PostgreSQL sends instants.
std::int64_t now() {
  constexpr std::int64_t epoch = 946'684'800'000'000;
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(since_1970).count() - epoch;
}

// A one-dimensional array in PostgreSQL's binary form.
std::string array_head(Oid element, int size) {
  return bytes(1) + bytes(0) + bytes(static_cast<std::int32_t>(element)) + bytes(size) + bytes(1);
}

void append(std::string& array, const char* value, int size) {
  array += bytes(size);
  array.append(value, static_cast<std::size_t>(size));
}

void append(std::string& array, std::int64_t value) {
  append(array, bytes(value).data(), static_cast<int>(sizeof value));
}

struct Position {
  std::int32_t priority = std::numeric_limits<std::int32_t>::min();
  std::int64_t scheduled_for = std::numeric_limits<std::int64_t>::min();
  std::int64_t id = 0;
  bool operator==(const Position&) const = default;
  bool operator>(const Position& other) const {
    return std::tie(priority, scheduled_for, id) >
           std::tie(other.priority, other.scheduled_for, other.id);
  }
};

struct Parameters {
  std::vector<const char*> values;
  std::vector<int> lengths, formats;

  explicit Parameters(const std::vector<std::string>& binary) {
    for (const auto& one : binary) {
      values.push_back(one.data());
      lengths.push_back(static_cast<int>(one.size()));
      formats.push_back(1);
    }
  }
  [[nodiscard]] int size() const { return static_cast<int>(values.size()); }
};

void prepare(const bench::Connection& connection, const char* name, const char* sql) {
  bench::check(PQprepare(connection.get(), name, sql, 0, nullptr), name);
}

bench::Result execute(const bench::Connection& connection, const char* name,
                      const std::vector<std::string>& binary) {
  const Parameters p(binary);
  return bench::check(PQexecPrepared(connection.get(), name, p.size(), p.values.data(),
                                     p.lengths.data(), p.formats.data(), 1),
                      name);
}

class Claims {
 public:
  Claims(const char* conninfo, int batch) : connection_(bench::connect(conninfo)), batch_(batch) {
    prepare(connection_, "claim", claim_sql);
  }

  void send() {
    const std::vector<std::string> binary{bytes(batch_), bytes(getpid()), bytes(last_.priority),
                                          bytes(last_.scheduled_for), bytes(last_.id)};
    const Parameters p(binary);
    if (PQsendQueryPrepared(connection_.get(), "claim", p.size(), p.values.data(), p.lengths.data(),
                            p.formats.data(), 1) == 0) {
      bench::fail("claim", PQerrorMessage(connection_.get()));
    }
    PQflush(connection_.get());
  }

  // An empty batch behind the position asks once more from the front.
  bench::Result receive() {
    auto claimed = bench::check(PQgetResult(connection_.get()), "claim");
    while (const bench::Result rest{PQgetResult(connection_.get())}) {
    }
    if (PQntuples(claimed.get()) == 0 && last_ != Position{}) {
      last_ = {};
      send();
      return receive();
    }
    for (int row = 0; row < PQntuples(claimed.get()); ++row) {
      const Position position{read_int(PQgetvalue(claimed.get(), row, priority)),
                              read_bigint(PQgetvalue(claimed.get(), row, scheduled_for)),
                              read_bigint(PQgetvalue(claimed.get(), row, id))};
      if (position > last_) last_ = position;
    }
    return claimed;
  }

 private:
  bench::Connection connection_;
  int batch_;
  Position last_;
};

class History {
 public:
  explicit History(const char* conninfo) : connection_(bench::connect(conninfo)) {
    prepare(connection_, "delete", delete_sql);
    prepare(connection_, "insert", insert_sql);
  }

  // Runs the jobs, which do nothing, and stores them.
  void run(const PGresult* claimed) {
    const int size = PQntuples(claimed);
    std::string ids = column(claimed, id, bigint_oid);
    std::string started = array_head(instant_oid, size), finished = started;
    std::string durations = array_head(bigint_oid, size);
    for (int row = 0; row < size; ++row) {
      const auto start = now(), finish = now();
      append(started, start);
      append(finished, finish);
      append(durations, finish - start);
    }

    bench::execute(connection_, "begin");
    const auto deleted = execute(connection_, "delete", {ids, bytes(getpid())});
    if (std::atoi(PQcmdTuples(deleted.get())) != size) bench::fail("delete", "claims were lost");
    execute(connection_, "insert",
            {std::move(ids), std::move(started), std::move(finished), std::move(durations),
             column(claimed, attempts, smallint_oid), column(claimed, job_type, text_oid),
             column(claimed, payload, json_oid)});
    bench::execute(connection_, "commit");
  }

 private:
  static std::string column(const PGresult* result, Column number, Oid type) {
    const int size = PQntuples(result);
    std::string array = array_head(type, size);
    for (int row = 0; row < size; ++row) {
      append(array, PQgetvalue(result, row, number), PQgetlength(result, row, number));
    }
    return array;
  }

  bench::Connection connection_;
};

}  // namespace

int main(int argc, char** argv) {
  const int batch = argc > 2 ? std::atoi(argv[2]) : 1000;
  if (argc < 2 || argc > 3 || batch < 1) bench::fail("usage", "bench_drain CONNINFO [BATCH]");
  Claims claims(argv[1], batch);
  History history(argv[1]);
  long jobs = 0;
  claims.send();
  for (auto current = claims.receive(); PQntuples(current.get()) > 0;) {
    claims.send();
    history.run(current.get());
    jobs += PQntuples(current.get());
    current = claims.receive();
  }
  std::printf("%ld\n", jobs);
}
