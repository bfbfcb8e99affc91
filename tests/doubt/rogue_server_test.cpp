// Somebody else answers at the server's address, and means no good.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <thread>

#include "support/host.h"
#include "support/times.h"
#include "support/together.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

using Clock = std::chrono::steady_clock;

std::string number(std::uint32_t value) {
  const char bytes[] = {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
                        static_cast<char>(value >> 8), static_cast<char>(value)};
  return {bytes, 4};
}

std::string message(char type, const std::string& content) {
  return type + number(static_cast<std::uint32_t>(content.size() + 4)) + content;
}

std::string request(std::uint32_t kind, const std::string& more = "") {
  return message('R', number(kind) + more);
}

// One that has logged in the client, and is ready.
std::string welcome() {
  return request(0) +
         message('S', std::string("server_version\0"
                                  "15.1\0",
                                  20)) +
         message('K', number(4711) + number(1)) + message('Z', "I");
}

std::string row(const std::vector<std::string>& values, bool nulls = false) {
  std::string description, content;
  const auto count =
      std::string{static_cast<char>(values.size() >> 8), static_cast<char>(values.size())};
  for (const auto& value : values) {
    description += std::string("c", 2) + std::string(6, '\0') + number(25) +
                   std::string("\xff\xff", 2) + number(0xffffffff) + std::string(2, '\0');
    content +=
        nulls ? number(0xffffffff) : number(static_cast<std::uint32_t>(value.size())) + value;
  }
  return message('T', count + description) + message('D', count + content) +
         message('C', std::string("SELECT 1", 9)) + message('Z', "I");
}

const std::vector<std::string> proper = {"4711", "f", "off", "7000000000000000000", "00000001"};

// Listens on loopback, and lets `talk` speak to each client.
class Rogue {
 public:
  using Talk = std::function<void(Rogue&, int)>;

  explicit Rogue(Talk talk) : talk_(std::move(talk)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(listener_, 16) == 0);
    REQUIRE(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this] { serve(); });
  }
  ~Rogue() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  Rogue(const Rogue&) = delete;
  Rogue& operator=(const Rogue&) = delete;

  std::string url(const std::string& more = "") const {
    return fmt::format("postgresql://owner:canary@127.0.0.1:{}/postgres{}", port_, more);
  }
  // All that a client has said so far.
  std::string heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }

  void say(int client, const std::string& bytes) {
    for (std::size_t sent = 0; sent < bytes.size();) {
      const auto count = send(client, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) throw std::runtime_error("the client has gone");
      sent += static_cast<std::size_t>(count);
    }
  }
  std::string hear(int client) {
    char buffer[65536];
    const auto count = recv(client, buffer, sizeof buffer, 0);
    if (count <= 0) throw std::runtime_error("the client has gone");
    const std::lock_guard lock(mutex_);
    return heard_.append(buffer, static_cast<std::size_t>(count)),
           std::string(buffer, static_cast<std::size_t>(count));
  }
  // Refuses TLS as `no` says, and hears the start-up message.
  void begin(int client, const std::string& no = "N") {
    for (std::string said = hear(client); said.size() == 8; said = hear(client)) say(client, no);
  }

 private:
  void serve() {
    for (;;) {
      const int client = accept(listener_, nullptr, nullptr);
      if (client < 0) return;
      try {
        talk_(*this, client);
      } catch (const std::runtime_error&) {  // it has gone
      }
      close(client);
    }
  }

  Talk talk_;
  int listener_ = -1;
  int port_ = 0;
  std::mutex mutex_;
  std::string heard_;
  std::jthread thread_;
};

void listen_for_more(Rogue& rogue, int client) {
  for (;;) rogue.hear(client);
}

ProcessResult run_against(const std::string& url, const std::vector<std::string>& command,
                          double limit) {
  const Host host("", Database::Content::nothing);
  const auto began = Clock::now();
  auto end = host.start(command, {"SCHEDCTL_DATABASE_URL=" + url}).wait(90s);
  const double took = Seconds(Clock::now() - began).count();
  CAPTURE(end.err);
  CHECK(took <= limit * allowance());
  return end;
}

// How a request for the password in clear text can be put.
void check_discretion(const Rogue::Talk& talk) {
  Rogue rogue(talk);
  check_refused(run_against(rogue.url(), {"process"}, 3.5), 77,
                "the server asks for the password in clear text");
  CHECK(rogue.heard() != "");
  CHECK(rogue.heard().find("canary") == std::string::npos);
}

void plainly(Rogue& rogue, int client) {
  rogue.begin(client);
  rogue.say(client, request(3));
  listen_for_more(rogue, client);
}

void in_two_parts(Rogue& rogue, int client) {
  rogue.begin(client);
  rogue.say(client, request(3).substr(0, 6));
  pollfd nothing{-1, 0, 0};
  poll(&nothing, 1, 200);
  rogue.say(client, request(3).substr(6));
  listen_for_more(rogue, client);
}

void before_its_turn(Rogue& rogue, int client) {
  rogue.begin(client, "N" + request(3));
  listen_for_more(rogue, client);
}

void behind_another(Rogue& rogue, int client) {
  rogue.begin(client);
  rogue.say(client, request(5, "salt") + request(3));
  listen_for_more(rogue, client);
}

// What is asked for by an explicit sslmode is given: so the test would notice.
void when_allowed() {
  Rogue rogue(plainly);
  run_against(rogue.url("?sslmode=disable"), {"process"}, 3.5);
  CHECK(rogue.heard().find("canary") != std::string::npos);
}

// Answers the first question of a session with `bytes`, again and again when `endless`.
Rogue::Talk answers(const std::string& bytes, bool endless = false) {
  return [=](Rogue& rogue, int client) {
    rogue.begin(client);
    rogue.say(client, welcome());
    rogue.hear(client);
    do rogue.say(client, bytes);
    while (endless);
    listen_for_more(rogue, client);
  };
}

void check_nonsense(const std::string& what, const Rogue::Talk& talk) {
  CAPTURE(what);
  Rogue rogue(talk);
  check_refused(run_against(rogue.url(), {"process"}, 3.5), 75, "127.0.0.1");
}

void nonsense() {
  check_nonsense("wrong types", answers(row({"x", "y", "z", "", "-"})));
  check_nonsense("nulls", answers(row(proper, true)));
  check_nonsense("too few columns", answers(row({"4711"})));
  check_nonsense("too many columns", answers(row(std::vector<std::string>(30'000, "x"))));
  check_nonsense("no columns", answers(row({})));
  check_nonsense("nothing", answers(""));
  check_nonsense("no protocol", answers(std::string(10'000, '\xff')));
  check_nonsense("notices for ever",
                 answers(message('N', std::string("SWARNING\0C01000\0Mnoise\0\0", 24)), true));
  check_nonsense("settings for ever", [](Rogue& rogue, int client) {
    rogue.begin(client);
    rogue.say(client, request(0));
    for (;;) rogue.say(client, message('S', std::string("a\0b\0", 4)));
  });
}

// A gigabyte that is announced, and sent. The memory is what the operator allows.
void gigabyte() {
  Rogue rogue([](Rogue& self, int client) {
    self.begin(client);
    self.say(client, welcome());
    self.hear(client);
    self.say(client, "D" + number(0x3fffffff));
    for (const std::string block(1 << 20, '\0');;) self.say(client, block);
  });
  const Host host("", Database::Content::nothing);
  const auto began = Clock::now();
  const auto end =
      host.shell("ulimit -v 400000; exec \"$S\" process", {"SCHEDCTL_DATABASE_URL=" + rogue.url()});
  check_refused(end, 75, "");
  CHECK(Seconds(Clock::now() - began).count() <= 3.5 * allowance());
}

// Proper at first, and then it only makes noise.
void noise_later() {
  Rogue rogue([](Rogue& self, int client) {
    self.begin(client);
    self.say(client, welcome());
    self.hear(client);
    self.say(client, row(proper));
    self.hear(client);
    for (;;) self.say(client, message('N', std::string("SWARNING\0C01000\0Mnoise\0\0", 24)));
  });
  check_refused(run_against(rogue.url(), {"status"}, 36), 75, "the connection was lost");
}

}  // namespace

TEST_SUITE("doubt::rogue_server [db]") {
  TEST_CASE("nobody gets the password in clear text who was not allowed to have it") {
    for (const auto& talk : {plainly, in_two_parts, before_its_turn, behind_another})
      check_discretion(talk);
    when_allowed();
  }

  TEST_CASE("a server that talks nonsense, or without end, costs a line and seconds") {
    together({nonsense, gigabyte});
  }

  TEST_CASE("nor does one that begins properly cost more than the longest statement may" *
            doctest::skip(!measures())) {
    noise_later();
  }
}
