#include "db/connection.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "db/connection_impl.h"
#include "db/conninfo.h"
#include "db/errors.h"
#include "db/pooler.h"
#include "util/error.h"
#include "util/text.h"

namespace schedctl::db {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

struct Failure {
  std::string place;
  std::string sqlstate;
  std::string message;  // one line
};

// With PQERRORS_VERBOSE the server's message reads "FATAL:  28P01: password authentication failed
// ...".
Failure failure_of(PGconn* connection, const Keywords& keywords, bool timed_out) {
  Failure failure{place(keywords), "", timed_out ? "no answer in time" : ""};
  const std::string text = PQerrorMessage(connection);
  if (const auto at = text.find("FATAL:  "); at != std::string::npos && text.size() > at + 15) {
    failure.sqlstate = text.substr(at + 8, 5);
    failure.message = first_line(text.substr(at + 15));
    if (failure.sqlstate == protocol_violation)
      failure.sqlstate = sqlstate_of_refusal(failure.message);
  } else if (!timed_out) {
    // "connection to server at ... failed: Connection refused\n\tIs the server running ...?"
    const auto line = text.substr(0, text.find('\n'));
    const auto why = line.rfind("failed: ");
    failure.message = first_line(why == std::string::npos ? line : line.substr(why + 8));
    if (PQconnectionNeedsPassword(connection)) failure.sqlstate = "28P01";
  }
  return failure;
}

bool wait_for_socket(PGconn* connection, PostgresPollingStatusType want, Clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  if (left <= 0) return false;
  pollfd fd{PQsocket(connection),
            static_cast<short>(want == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
  return poll(&fd, 1, static_cast<int>(left)) != 0;
}

// libpq itself would print them to stderr, which cron mails.
void discard_notice(void*, const char*) {}

PGconn* try_connect(const Keywords& keywords, Clock::time_point until, Failure& failure) {
  std::vector<const char*> names, values;
  for (const auto& [name, value] : keywords) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  PGconn* connection = PQconnectStartParams(names.data(), values.data(), 0);
  if (!connection) throw std::bad_alloc();
  PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
  PQsetNoticeProcessor(connection, discard_notice, nullptr);

  bool timed_out = false;
  auto status =
      PQstatus(connection) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (!timed_out && status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED) {
    timed_out = !wait_for_socket(connection, status, until);
    if (!timed_out) status = PQconnectPoll(connection);
  }
  if (status == PGRES_POLLING_OK) {
    PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
    return connection;
  }
  failure = failure_of(connection, keywords, timed_out);
  PQfinish(connection);
  return nullptr;
}

// No sense in trying again: the server was reached and said no.
bool is_final(const Failure& failure) {
  const auto& state = failure.sqlstate;
  if (state.empty()) {
    const auto says = [&](const char* text) {
      return failure.message.find(text) != std::string::npos;
    };
    return says("certificate verify failed") || says("does not support SSL") ||
           says("does not match host name") || says("Permission denied");
  }
  return exit_code_for(state) != ExitCode::temporary || state == protocol_violation;
}

bool is_down(const Failure& failure) {
  return failure.sqlstate.starts_with("57P0") ||
         failure.message.find("Connection refused") != std::string::npos ||
         failure.message.find("No such file or directory") != std::string::npos;
}

constexpr auto declare_the_pooler =
    "this looks like a connection pooler: set database.pooled = true, or connect to PostgreSQL "
    "itself";
constexpr auto take_options_away =
    "take \"options\" out of the URL, and PGOPTIONS and PGGEQO out of the environment";

[[noreturn]] void give_up(const Failure& failure, const config::Database& database) {
  const auto& state = failure.sqlstate;
  const auto say = [&](ExitCode code, const std::string& what) {
    throw DatabaseError(code,
                        fmt::format("database at {} ({}): {}", escape_control(failure.place),
                                    database.origin, what),
                        state, code == ExitCode::temporary, is_down(failure));
  };
  if (state == protocol_violation)
    say(ExitCode::config,
        failure.message + ": " + (database.pooled ? take_options_away : declare_the_pooler));
  if (state == "3D000")
    say(ExitCode::config, failure.message + ": create it, or correct database.url");
  if (state.starts_with("28"))
    say(ExitCode::permission, failure.message + ": check user, password and pg_hba.conf");
  if (!state.empty()) say(exit_code_for(state), failure.message);
  if (failure.message.find("Permission denied") != std::string::npos)
    say(ExitCode::permission,
        failure.message + ": this user may not get to the socket of the server");
  if (is_final(failure))
    say(ExitCode::permission, failure.message +
                                  ": give the server a certificate that is trusted here "
                                  "(sslrootcert), or choose a weaker sslmode");
  if (failure.message.find("session is read-only") != std::string::npos)
    say(ExitCode::temporary, "read-only: no host of the list is a primary");
  say(ExitCode::temporary, failure.message + ": is the server running?");
  std::abort();
}

PGconn* connect(const config::Database& database, Session session) {
  const auto hosts = attempts(database, session);
  const auto limit = std::min<Duration>(database.connect_timeout, 3s * hosts.size());
  const auto until = Clock::now() + limit;
  auto pause = std::chrono::milliseconds(50);
  for (;;) {
    Failure failure;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      const auto slice = (until - Clock::now()) / static_cast<long>(hosts.size() - i);
      if (auto* connected = try_connect(hosts[i], Clock::now() + slice, failure)) return connected;
      if (is_final(failure) && hosts.size() == 1) give_up(failure, database);
    }
    if (Clock::now() + pause >= until) give_up(failure, database);
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(800));
  }
}

void require_configured(const config::Database& database) {
  if (database.url.empty() && database.origin.empty())
    throw ConfigError(
        "no database configured: set database.url or SCHEDCTL_DATABASE_URL, or run \"schedctl db "
        "start\" for a "
        "private local one");
}

}  // namespace

ConnectOnce::handle ConnectOnce::do_startconnect(handle current) {
  if (current) return current;
  auto* connected = std::exchange(connected_, nullptr);
  if (!connected) throw pqxx::broken_connection("the connection was lost");
  return connected;
}

Connection::Impl::Impl(PGconn* connected, config::Database settings, Session session)
    : PolicyHolder{ConnectOnce(connected)},
      connection_base(policy),
      raw(connected),
      canceller(PQgetCancel(connected)),
      database(std::move(settings)),
      local_settings(database.pooled ? db::local_settings(database, session) : std::string()) {
  init();
}

Connection::Impl::~Impl() {
  PQfreeCancel(canceller);
  close();
}

// Behind a pooler, the session has whatever search_path and limits somebody has left there.
Connection::Connection(const config::Database& database, Session session) {
  require_configured(database);
  impl_ = std::make_unique<Impl>(connect(database, session), database, session);
  const auto question = impl_->local_settings +
                        "select pg_catalog.pg_backend_pid(), pg_catalog.pg_is_in_recovery(), "
                        "pg_catalog.current_setting('transaction_read_only')";
  PGresult* answer = PQexec(impl_->raw, question.c_str());
  const bool good = PQresultStatus(answer) == PGRES_TUPLES_OK && PQntuples(answer) == 1;
  const int pid = good ? std::atoi(PQgetvalue(answer, 0, 0)) : 0;
  impl_->in_recovery = good && *PQgetvalue(answer, 0, 1) == 't';
  impl_->read_only = good && std::string_view(PQgetvalue(answer, 0, 2)) == "on";
  PQclear(answer);
  if (!good)
    throw DatabaseError(ExitCode::temporary, "database: " + first_line(PQerrorMessage(impl_->raw)),
                        "", true);
  if (!database.pooled && pid != PQbackendPID(impl_->raw))
    throw ConfigError(fmt::format("{}: the server says that its process is another: {}",
                                  database.origin, declare_the_pooler));
}

Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

bool Connection::is_open() const { return PQstatus(impl_->raw) == CONNECTION_OK; }
bool Connection::in_transaction() const {
  return PQtransactionStatus(impl_->raw) == PQTRANS_INTRANS;
}
int Connection::socket() const { return PQsocket(impl_->raw); }
int Connection::backend_pid() const { return PQbackendPID(impl_->raw); }
std::optional<std::string> Connection::local_address() const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  char text[INET6_ADDRSTRLEN] = "";
  if (getsockname(socket(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return std::nullopt;
  if (address.ss_family == AF_INET)
    inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in&>(address).sin_addr, text, sizeof text);
  else if (address.ss_family == AF_INET6)
    inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6&>(address).sin6_addr, text, sizeof text);
  else
    return std::nullopt;
  return text;
}

bool Connection::in_recovery() const { return impl_->in_recovery; }
bool Connection::read_only() const { return impl_->read_only; }
const config::Database& Connection::database() const { return impl_->database; }

void Connection::on_notice(std::function<void(std::string_view)> heard) {
  impl_->on_notice = std::move(heard);
  const auto hand_on = [](void* impl, const char* text) {
    const std::string_view all(text);
    static_cast<Impl*>(impl)->on_notice(all.substr(0, all.find('\n')));
  };
  PQsetNoticeProcessor(impl_->raw, hand_on, impl_.get());
}

void Connection::cancel() noexcept {
  char message[256];
  PQcancel(impl_->canceller, message, sizeof message);
}

void Connection::sever() noexcept {
  if (const int fd = PQsocket(impl_->raw); fd >= 0) shutdown(fd, SHUT_RDWR);
}

// Not by libpqxx, which hands them on one by one to objects that it calls back.
int Connection::take_notifications() {
  if (PQconsumeInput(impl_->raw) == 0)
    throw DatabaseError(ExitCode::temporary, "database: " + first_line(PQerrorMessage(impl_->raw)),
                        "", true);
  int count = 0;
  while (PGnotify* one = PQnotifies(impl_->raw)) {
    PQfreemem(one);
    ++count;
  }
  return count;
}

void check_url(const std::string& url, const std::string& origin) { parse_url(url, origin); }

}  // namespace schedctl::db
