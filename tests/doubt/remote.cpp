#include "doubt/remote.h"

namespace schedctl::test {
namespace {

constexpr const char* here_address = "10.77.0.1";
constexpr const char* there_address = "10.77.0.2";
constexpr const char* access = "host all all 10.77.0.0/16 scram-sha-256\n";

}  // namespace

Remote::Remote(const std::string& toml, const std::string& settings)
    : wire(here, here_address, there, there_address),
      island(toml, {.settings = settings, .access = access, .network = there.descriptor()}),
      url(island.server.url_at(there_address)) {
  add_witness(island.host);
}

Process Remote::start_a(const std::vector<std::string>& arguments) const {
  ProcessOptions options;
  options.env = island.host.env;
  options.env.push_back("SCHEDCTL_DATABASE_URL=" + url);
  options.network = here.descriptor();
  auto argv = arguments;
  argv.insert(argv.begin(), binary());
  return test::start(argv, options);
}

Process Remote::start_b(const std::vector<std::string>& arguments) const {
  return island.host.start(
      arguments, {"SCHEDCTL_DATABASE_URL=" + island.server.socket_url(), "SCHEDCTL_HOST=host-b",
                  "CHAOS_HOST=host-b", "SCHEDCTL_STATE_DIR=" + (island.host.folder / "state-b")});
}

Process Remote::start_lingering_b() const {
  auto run = start_b({"process", "--linger", "55s"});
  wait_until(
      [&] { return island.value("select count(*) from workers where host = 'host-b'") == "1"; },
      "host b");
  return run;
}

job::JobId Remote::enqueue_witness(const std::string& plan) const {
  return island.enqueue("witness", witness_payload(plan));
}

}  // namespace schedctl::test
