// schedctl db start|stop|status|psql -- the private local PostgreSQL cluster.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "config/paths.h"
#include "db/local_cluster.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

db::LocalCluster local_cluster() { return db::LocalCluster(config::local_cluster_folder()); }

void print_state(const db::LocalCluster& cluster, const db::LocalCluster::State& state,
                 Program& program) {
  if (program.json) {
    nlohmann::ordered_json object{{"schema_version", 1},  {"running", state.running},
                                  {"url", cluster.url()}, {"data", make_storable(cluster.data())},
                                  {"pid", nullptr},       {"server_version", nullptr}};
    if (state.pid) object["pid"] = state.pid;
    if (!state.server_version.empty()) object["server_version"] = state.server_version;
    return program.print(object.dump() + "\n");
  }
  const auto data = escape_control(cluster.data());
  if (state.running)
    program.print(fmt::format("local cluster running: {}\n", cluster.url()));
  else if (state.pid)
    program.print(fmt::format("local cluster starting or stopping: {}\n", data));
  else if (state.exists)
    program.print(fmt::format("local cluster not running: {}\n", data));
  else
    program.print(fmt::format("no local cluster at {}: \"schedctl db start\" makes one\n", data));
}

ExitCode start(Program& program) {
  auto cluster = local_cluster();
  print_state(cluster, cluster.start(), program);
  return ExitCode::ok;
}

ExitCode stop(Program& program) {
  auto cluster = local_cluster();
  const bool stopped = cluster.stop();
  if (stopped && !program.json)
    program.print(fmt::format("local cluster stopped: {}\n", escape_control(cluster.data())));
  else
    print_state(cluster, cluster.state(), program);
  return ExitCode::ok;
}

ExitCode status(Program& program) {
  const auto cluster = local_cluster();
  const auto state = cluster.state();
  print_state(cluster, state, program);
  return state.running ? ExitCode::ok : ExitCode::failed;
}

}  // namespace

void add_db(CLI::App& app, Program& program) {
  auto* command = app.add_subcommand("db", "The private local PostgreSQL cluster");
  command->require_subcommand(1);
  const auto add = [&](const char* name, const char* description, ExitCode (*run)(Program&)) {
    command->add_subcommand(name, description)->callback([run, &program] {
      program.action = [run, &program] { return run(program); };
    });
  };
  add("start", "Start it; make it first if there is none", start);
  add("stop", "Stop it", stop);
  add("status", "Whether it runs, and its URL; exit code 1 when it does not", status);

  auto* psql =
      command->add_subcommand("psql", "Open psql on it; what follows is handed on to psql");
  psql->set_help_flag("--help", "Print this help message and exit");  // -h is psql's
  psql->prefix_command();
  psql->fallthrough(false);  // options that are not known here are psql's, not schedctl's
  psql->callback([psql, &program] {
    program.action = [psql]() -> ExitCode { local_cluster().exec_psql(psql->remaining()); };
  });
}

}  // namespace schedctl::cli
