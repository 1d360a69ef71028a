using Quorate.Node.Hosting;
using Quorate.Postgres;
using Quorate.Testing;
using Quorate.Testing.Postgres;

namespace Quorate.EndToEnd.SharedLogs;

/// <summary>A node whose log is in a database, as its operator sees it.</summary>
public sealed class SharedNodeTests
{
    static readonly Dictionary<string, byte> s_key = new(StringComparer.Ordinal) { ["log.key"] = 7 };

    [Fact]
    public async Task Node_restarted_with_an_empty_state_serves_the_same_log()
    {
        var settings = await PostgresServer.NewSchemaAsync();
        string head;
        await using (var node = await TestNode.StartAsync(Configuration(settings), s_key))
        {
            await node.SubmitAsync("shared", ("a", "1"), ("b", "2"));
            head = (await node.GetAsync("/v1/logs/shared/head")).GetRawText();
        }
        await using var other = await TestNode.StartAsync(Configuration(settings), s_key);
        Assert.Equal(head, (await other.GetAsync("/v1/logs/shared/head")).GetRawText());
    }

    [Fact]
    public async Task Status_and_metrics_tell_who_sequences()
    {
        var settings = await PostgresServer.NewSchemaAsync();
        await using var first = await TestNode.StartAsync(Configuration(settings), s_key);
        await using var second = await TestNode.StartAsync(Configuration(settings), s_key);
        var shared = (await first.GetAsync("/v1/logs")).GetProperty("published")[0].GetProperty("shared");
        Assert.True(shared.GetProperty("isSequencer").GetBoolean());
        var metrics = await second.Control.GetStringAsync(new Uri("/metrics", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Contains("quorate_log_sequencer{log=\"shared\"} 0", metrics, StringComparison.Ordinal);
        Assert.Contains(first.LogLines, l => l.Contains("sequences the shared log shared", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Log_that_is_kept_in_files_is_refused_in_a_database()
    {
        var settings = await PostgresServer.NewSchemaAsync();
        await using var node = await TestNode.StartAsync(Configuration(null), s_key);
        node.Configure(Configuration(settings));
        var refused = await Assert.ThrowsAsync<StartException>(node.RestartAsync);
        Assert.Contains("kept in the files", refused.Message, StringComparison.Ordinal);
        // For the end of the test.
        node.Configure(Configuration(null));
        await node.RestartAsync();
    }

    [Fact]
    public async Task Log_that_is_shared_is_refused_in_files()
    {
        var settings = await PostgresServer.NewSchemaAsync();
        await using var node = await TestNode.StartAsync(Configuration(settings), s_key);
        node.Configure(Configuration(null));
        var refused = await Assert.ThrowsAsync<StartException>(node.RestartAsync);
        Assert.Contains("shared in a database", refused.Message, StringComparison.Ordinal);
        node.Configure(Configuration(settings));
        await node.RestartAsync();
    }

    [Fact]
    public async Task Password_is_read_from_its_file_and_never_told()
    {
        var settings = await PostgresServer.NewSchemaAsync();
        const string secret = "correct horse";
        await PostgresServer.CreateRoleAsync(settings, "guarded", secret);
        var guarded = settings with
        {
            Connection = settings.Connection.Replace("Username=quorate", "Username=guarded", StringComparison.Ordinal),
        };
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, secret + "\n", TestContext.Current.CancellationToken);
            await using (var node = await TestNode.StartAsync(Configuration(guarded with { PasswordFile = file }), s_key))
            {
                await node.SubmitAsync("shared", ("a", "1"));
                Assert.DoesNotContain(node.LogLines, l => l.Contains(secret, StringComparison.Ordinal));
            }
            await File.WriteAllTextAsync(file, "wrong " + secret, TestContext.Current.CancellationToken);
            var refused = await Assert.ThrowsAsync<StartException>(() =>
                TestNode.StartAsync(Configuration(guarded with { PasswordFile = file }), s_key)
            );
            Assert.Contains("password", refused.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(secret, refused.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    static string Configuration(PostgresSettings? settings)
    {
        var password = settings?.PasswordFile is { } file ? $", password_file: {file}" : "";
        var storage = settings is null
            ? ""
            : $", storage: {{ type: postgres, connection: \"{settings.Connection}\", lease: 2s{password} }}";
        return $$"""
            signers:
              a: { type: ed25519, path: log.key }
            publish:
              - { name: shared, protocol: test, signer: a{{storage}} }
            """;
    }
}
