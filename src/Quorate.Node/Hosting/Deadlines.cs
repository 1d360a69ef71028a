using System.Collections.Concurrent;

namespace Quorate.Node.Hosting;

/// <summary>
/// Time limits of requests. A token source with its timer costs more than all other work of a small request's way in, so they are used again. Thread-safe.
/// </summary>
sealed class Deadlines(TimeProvider time)
{
    const int MostKept = 1024;

    readonly ConcurrentQueue<CancellationTokenSource> _idle = new();

    /// <summary>Cancelled when <paramref name="client"/> is, or after <paramref name="timeout"/>. Its token means nothing once it is disposed.</summary>
    public Deadline Start(TimeSpan timeout, CancellationToken client)
    {
        if (_idle.TryDequeue(out var source))
        {
            source.CancelAfter(timeout);
        }
        else
        {
            source = new CancellationTokenSource(timeout, time);
        }
        return new Deadline(this, source, client.UnsafeRegister(static s => ((CancellationTokenSource)s!).Cancel(), source));
    }

    void Return(CancellationTokenSource source)
    {
        // Not when it was cancelled, nor with a clock of a test.
        if (_idle.Count < MostKept && source.TryReset())
        {
            _idle.Enqueue(source);
        }
        else
        {
            source.Dispose();
        }
    }

    public readonly struct Deadline(Deadlines owner, CancellationTokenSource source, CancellationTokenRegistration registration)
        : IDisposable
    {
        public CancellationToken Token => source.Token;

        public void Dispose()
        {
            // Waits for a cancellation that is under way: the source must not be lent out before that is over.
            registration.Dispose();
            owner.Return(source);
        }
    }
}
