using System.Diagnostics;
using System.Globalization;
using Npgsql;
using Quorate.Postgres;
using Xunit;

namespace Quorate.Testing.Postgres;

/// <summary>
/// A real PostgreSQL of this test process: in a temporary folder, on a unix socket only. It ends with the process, however that ends: the server's parent is a
/// shell that waits for the end of its standard input.
/// </summary>
public sealed class PostgresServer
{
    const string Superuser = "quorate";

    static readonly SemaphoreSlim s_starting = new(1);
    static PostgresServer? s_server;
    static int s_schemas;

    readonly string _folder;
    readonly Process _shell;

    PostgresServer(string folder, Process shell) => (_folder, _shell) = (folder, shell);

    /// <summary>
    /// Settings of an empty schema. Without PostgreSQL the test is skipped by name, and fails in continuous integration.
    /// </summary>
    public static async Task<PostgresSettings> NewSchemaAsync()
    {
        if (FindPrograms() is null)
        {
            const string missing = "missing program: postgres (Debian package postgresql)";
            Assert.False(Environment.GetEnvironmentVariable("CI") == "true", missing);
            Assert.Skip(missing);
        }
        var server = await TheServerAsync();
        var schema = $"t{Interlocked.Increment(ref s_schemas)}";
        await server.ExecuteAsync($"CREATE SCHEMA {schema}");
        return new PostgresSettings($"{server.Connection};Search Path={schema}");
    }

    /// <summary>Runs a statement in a schema, as an operator would with psql.</summary>
    public static async Task<object?> ExecuteAsync(PostgresSettings settings, string statement)
    {
        await using var source = NpgsqlDataSource.Create(settings.Connection);
        await using var command = source.CreateCommand(statement);
        return await command.ExecuteScalarAsync();
    }

    /// <summary>A role that must give a password, and may use the schema of <paramref name="settings"/>.</summary>
    public static async Task CreateRoleAsync(PostgresSettings settings, string name, string password)
    {
        var schema = new NpgsqlConnectionStringBuilder(settings.Connection).SearchPath;
        await ExecuteAsync(settings, $"CREATE ROLE {name} LOGIN PASSWORD '{password}'; GRANT ALL ON SCHEMA {schema} TO {name}");
    }

    string Connection => $"Host={_folder};Username={Superuser};Database=postgres";

    Task<object?> ExecuteAsync(string statement) => ExecuteAsync(new PostgresSettings(Connection), statement);

    static async Task<PostgresServer> TheServerAsync()
    {
        await s_starting.WaitAsync();
        try
        {
            return s_server ??= await StartAsync();
        }
        finally
        {
            s_starting.Release();
        }
    }

    static async Task<PostgresServer> StartAsync()
    {
        var programs = FindPrograms()!;
        // The server runs as somebody else when we are root, who may not be able to enter our temporary folder.
        var parent = Environment.IsPrivilegedProcess ? "/tmp" : Path.GetTempPath();
        var folder = Path.Combine(parent, $"qpg-{Environment.ProcessId}-{Path.GetRandomFileName()[..4]}");
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        List<string> prefix = [];
        if (Environment.IsPrivilegedProcess)
        {
            var (user, group) = Unprivileged();
            await RunAsync("chown", [$"{user}:{group}", folder]);
            prefix = ["setpriv", $"--reuid={user}", $"--regid={group}", "--clear-groups"];
        }
        var data = Path.Combine(folder, "data");
        string[] initdb =
        [
            .. prefix,
            Path.Combine(programs, "initdb"),
            "--pgdata",
            data,
            "--username",
            Superuser,
            "--auth",
            "trust",
            "--no-locale",
            "--encoding",
            "UTF8",
            "--no-sync",
        ];
        await RunAsync(initdb[0], initdb[1..]);
        await File.WriteAllTextAsync(Path.Combine(data, "pg_hba.conf"), $"local all {Superuser} trust\nlocal all all scram-sha-256\n");
        string[] server =
        [
            .. prefix,
            "sh",
            "-c",
            "\"$@\" >\"$QPG/log\" 2>&1 <&- & cat >/dev/null; kill -QUIT $!; wait $!; rm -rf \"$QPG\"",
            "sh",
            Path.Combine(programs, "postgres"),
            "-D",
            data,
            "-k",
            folder,
            "-c",
            "listen_addresses=",
            "-c",
            "max_connections=200",
            "-c",
            "shared_buffers=32MB",
        ];
        var start = new ProcessStartInfo(server[0], server[1..])
        {
            RedirectStandardInput = true,
            UseShellExecute = false,
            Environment = { ["QPG"] = folder },
            WorkingDirectory = "/",
        };
        var running = new PostgresServer(folder, Process.Start(start)!);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => running.Stop();
        await running.UntilReadyAsync();
        return running;
    }

    async Task UntilReadyAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            try
            {
                await ExecuteAsync("SELECT 1");
                return;
            }
            catch (NpgsqlException e)
            {
                if (deadline.IsCancellationRequested)
                {
                    throw new TimeoutException($"PostgreSQL does not start\n{File.ReadAllText(Path.Combine(_folder, "log"))}", e);
                }
                await Task.Delay(50, CancellationToken.None);
            }
        }
    }

    void Stop()
    {
        _shell.StandardInput.Close();
        _shell.WaitForExit(TimeSpan.FromSeconds(10));
    }

    /// <summary>Debian keeps the server's programs of every version in a folder of their own, outside the path.</summary>
    static string? FindPrograms()
    {
        const string debian = "/usr/lib/postgresql";
        var versions = Directory.Exists(debian)
            ? Directory
                .GetDirectories(debian)
                .OrderByDescending(f => double.TryParse(Path.GetFileName(f), CultureInfo.InvariantCulture, out var version) ? version : 0)
                .Select(f => Path.Combine(f, "bin"))
            : [];
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Where(f => f.Length > 0);
        return versions
            .Concat(path)
            .FirstOrDefault(f => File.Exists(Path.Combine(f, "initdb")) && File.Exists(Path.Combine(f, "postgres")));
    }

    static (string User, string Group) Unprivileged()
    {
        var users = File.ReadLines("/etc/passwd").Select(l => l.Split(':')).Where(f => f.Length > 3).ToDictionary(f => f[0]);
        var fields = users.TryGetValue("postgres", out var own) ? own : users["nobody"];
        return (fields[2], fields[3]);
    }

    static async Task RunAsync(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = "/",
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} failed\n{await output}{await errors}");
        }
    }
}
