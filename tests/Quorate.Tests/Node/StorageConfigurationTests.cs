using Quorate.Node.Configuration;
using Quorate.Sources.Configuration;
using Xunit;

namespace Quorate.Tests.Node;

public sealed class StorageConfigurationTests
{
    const string Postgres = "{ type: postgres, connection: 'Host=db;Username=q', password_file: db.password, lease: 30s }";

    [Fact]
    public void Read_without_storage_keeps_logs_in_files() => Assert.Null(Read("").Publish.Single().Storage);

    [Fact]
    public void Read_of_the_nodes_storage_is_that_of_its_logs()
    {
        var storage = Read("", $", storage: {Postgres}").Publish.Single().Storage!;
        Assert.Equal(("Host=db;Username=q", "/etc/quorate/db.password"), (storage.Connection, storage.PasswordFile));
        Assert.Equal(TimeSpan.FromSeconds(30), storage.Lease);
    }

    [Fact]
    public void Read_of_a_logs_own_storage_wins_over_the_nodes()
    {
        Assert.Null(Read(", storage: { type: file }", $", storage: {Postgres}").Publish.Single().Storage);
        Assert.Equal(
            "Host=other",
            Read(", storage: { type: postgres, connection: Host=other }", $", storage: {Postgres}").Publish.Single().Storage!.Connection
        );
    }

    [Theory]
    [InlineData("{ connection: Host=x }", "'type' is missing")]
    [InlineData("{ type: mysql }", "expected file or postgres, not 'mysql'")]
    [InlineData("{ type: postgres }", "'connection' is missing")]
    [InlineData("{ type: file, connection: Host=x }", "connection: unknown key")]
    [InlineData("{ type: postgres, connection: Database=x }", "'Host' is missing")]
    [InlineData("{ type: postgres, connection: 'Host=x;Password=hunter2' }", "password_file")]
    [InlineData("{ type: postgres, connection: 'Hots=x;Password=hunter2' }", "expected an Npgsql connection string")]
    [InlineData("{ type: postgres, connection: Host=x, lease: 1h }", "must be between 1s and 600s")]
    [InlineData("{ type: postgres, connection: Host=x, pasword_file: y }", "did you mean 'password_file'?")]
    public void Read_of_a_storage_that_cannot_be_says_why_without_telling_a_password(string storage, string expected)
    {
        var errors = Assert.Throws<ConfigurationException>(() => Read($", storage: {storage}")).Errors.Select(e => e.ToString()).ToList();
        Assert.Contains(
            errors,
            e => e.Contains(expected, StringComparison.Ordinal) && e.Contains("quorate.yaml:3:", StringComparison.Ordinal)
        );
        Assert.DoesNotContain(errors, e => e.Contains("hunter2", StringComparison.Ordinal));
    }

    static NodeConfiguration Read(string ofLog, string ofNode = "") =>
        ConfigurationReader.Read(
            $$"""
            node: { state: /s{{ofNode}} }
            signers: { a: { path: a.key } }
            publish: [{ name: a, protocol: test, signer: a{{ofLog}} }]
            """,
            "/etc/quorate/quorate.yaml"
        );
}
