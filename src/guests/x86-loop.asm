; The loop of the interpreter benchmark: a mix of 14.5 instructions for each iteration on average, in 64-bit mode.
;
; The number of iterations is the 32-bit word behind this image; the checksum goes to COM1.
org 0x100000
bits 32
        jmp entry
        align 8
entry:
%include "long-mode.inc"
%include "wide64.inc"
long_mode:
        call serial_init
        mov ebp, [iterations]
        mov rsi, 0x200000
        xor eax, eax
        mov rbx, 0x9e3779b97f4a7c15
        xor ecx, ecx
        xor edi, edi
.next:  mov rdx, [rsi + rcx * 8]
        add rax, rdx
        xor rax, rbx
        rol rax, 13
        lea rcx, [rcx + rax * 2 + 7]
        and ecx, 1023
        mov [rsi + rcx * 8], rax
        shr rdx, 3
        sub rbx, rdx
        cmp rax, rbx
        jb .skip
        inc rdi
.skip:  add edx, 3
        dec ebp
        jnz .next
        add rax, rbx
        add rax, rdi
        call put_hex
        call put_line
        jmp power_off
%include "serial.inc"
        align 4
iterations:
