#include "db/resolve.h"

#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

namespace schedctl::db {
namespace {

// Owned by both threads, as neither knows whether the other will still be there.
struct Question {
  explicit Question(std::string asked) : name(std::move(asked)) {}

  const std::string name;
  std::mutex mutex;
  std::condition_variable answered;
  bool done = false;
  Addresses addresses;
};

std::string text_of(const addrinfo& address) {
  char text[NI_MAXHOST] = "";
  getnameinfo(address.ai_addr, address.ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  return text;
}

Addresses ask(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  if (const int fault = getaddrinfo(name.c_str(), nullptr, &hints, &first); fault != 0)
    return {{}, gai_strerror(fault)};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(first, freeaddrinfo);
  Addresses addresses;
  for (const auto* one = first; one; one = one->ai_next)
    if (auto text = text_of(*one); !text.empty()) addresses.found.push_back(std::move(text));
  return addresses;
}

void answer(const std::shared_ptr<Question>& question) {
  auto addresses = ask(question->name);
  const std::lock_guard lock(question->mutex);
  question->addresses = std::move(addresses);
  question->done = true;
  question->answered.notify_all();
}

// Signals are for the threads that expect them.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t before_;
};

void start_asking(const std::shared_ptr<Question>& question) {
  const NoSignals inherited;
  std::thread([question] { answer(question); }).detach();
}

}  // namespace

Addresses resolve(const std::string& name, std::chrono::steady_clock::time_point until) {
  const auto question = std::make_shared<Question>(name);
  start_asking(question);
  std::unique_lock lock(question->mutex);
  if (!question->answered.wait_until(lock, until, [&] { return question->done; }))
    return {{}, "the name server does not answer in time"};
  return question->addresses;
}

}  // namespace schedctl::db
